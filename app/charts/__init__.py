"""Plotly figures as plain dicts with colour roles. Knows nothing of Streamlit or the store's SQL."""

"""Info -> plotly figure, as plain dicts with colour roles. Called by pages; knows nothing of Streamlit or the store's SQL."""

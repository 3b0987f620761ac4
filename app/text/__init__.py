"""Words, escaping and colours. Knows nothing of Streamlit's pages."""

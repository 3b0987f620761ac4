"""Parts of pages that are an idea of their own. Called by app.views; read through app.cache like them."""

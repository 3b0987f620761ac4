"""The pages, one file each, run by st.navigation. A page reads inputs, asks app.cache, draws, and writes by app.actions."""

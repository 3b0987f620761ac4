"""The pages, one file each, run by st.navigation. A page reads inputs, asks app.data.reads, draws, and writes
by app.data.actions.

Not called `pages`: Streamlit runs the scripts of a folder of that name by themselves, without app.main.
"""

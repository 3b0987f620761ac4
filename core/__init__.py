"""The domain: rewards, schedules, configs, the store.

Light: never imports torch, transformers, trl, peft, datasets or streamlit.
"""

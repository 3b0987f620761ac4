"""The training process: from a claimed run to its adapter. Imports torch, transformers, peft and TRL."""

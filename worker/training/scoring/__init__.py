"""Scores that components need from models: further forward passes, judges and reward models."""

"""The former place of core.rewards.batch, which component files written before rooms import."""

from core.rewards.batch import *  # noqa: F403

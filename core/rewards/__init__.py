"""Turns a batch of completions into rewards and advantages: components, mix, schedules, rules. numpy only."""

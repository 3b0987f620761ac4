"""What defines a run or an experiment: parsed once, checked, and written as YAML again."""

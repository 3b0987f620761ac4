"""What every package uses: errors, settings, config models, logs. Imports nothing else of ours."""

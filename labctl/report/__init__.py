"""What a person is shown of plans and runs: texts, plots, exports."""

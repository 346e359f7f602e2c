"""What users read about their servers."""

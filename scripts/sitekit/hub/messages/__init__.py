"""What users read about their servers: the form, the progress page, cards."""

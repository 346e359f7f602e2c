"""Write the texts that users read about their servers: form, progress page, failure cards."""

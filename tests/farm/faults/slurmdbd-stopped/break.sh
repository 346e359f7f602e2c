stop slurmdbd

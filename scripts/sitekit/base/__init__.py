"""What every part of the kit uses: a program run, a file written, an error told, progress shown."""

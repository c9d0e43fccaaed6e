"""What every folder uses: errors, terminal output, tables, progress, atomic files, parallel backends, versions."""

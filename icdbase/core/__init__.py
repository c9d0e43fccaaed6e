"""What every room uses: errors, progress, atomic files, parallel backends, tables of text."""

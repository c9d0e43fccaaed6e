"""One classifier for many codes of few records: phrases propose candidates (text, code), one model judges them all."""

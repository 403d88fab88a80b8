"""The stages of a search, one module each: plain functions from typed inputs to artefacts in the store."""

"""What is measured against peers and recorded; never part of the installed package."""

"""The words of the field: what a reading is made of and how bales and lots are named."""

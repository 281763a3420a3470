"""Answers of the service as a person or a program reads them: terminal pages and JSON."""

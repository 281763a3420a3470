"""How settings are declared, checked and gathered; cotton_server.config says which there are."""

"""What keeps a system whole for years: small files, short history, audit, proof, repair, forgetting."""

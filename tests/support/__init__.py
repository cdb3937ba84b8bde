"""What tests share: servers, services, waiting, ledgers. Importable as ``support``."""

"""Tell by its name whether a file may hold keys, tokens or passwords. Used for repositories and for documents."""

from __future__ import annotations

import fnmatch
import unicodedata
from collections.abc import Iterable

# names that by convention hold secrets, compared in their `normalised` form
SECRET_FILES = (
    ".env",
    ".env.*",
    "*.env",
    ".envrc",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "*.jks",
    "*.keystore",
    "*.kdbx",
    "*.ppk",
    "*.asc",
    "*.gpg",
    "id_rsa*",
    "id_dsa*",
    "id_ecdsa*",
    "id_ed25519*",
    ".netrc",
    "_netrc",
    ".npmrc",
    ".pypirc",
    ".pgpass",
    ".my.cnf",
    ".htpasswd",
    ".git-credentials",
    ".dockercfg",
    "credentials",
    "credentials.*",
    "secrets",
    "secrets.*",
    "secret.*",
    "*.secret",
    "*.secrets",
    "*_secret.*",
    "service-account*.json",
    "*.tfstate",
    "*.tfstate.*",
    "*.tfvars",
    ".vault-token",
    ".terraformrc",
    "kubeconfig",
    ".s3cfg",
    ".boto",
    "token.json",
    "*.token",
    "*.mobileprovision",
    "*.ovpn",
    "wallet.dat",
    "passwords.*",
    "password.*",
)
SECRET_FOLDERS = (
    ".ssh",
    ".aws",
    ".gnupg",
    ".kube",
    ".docker",
    ".azure",
    ".gcloud",
    ".config",
    ".secrets",
    "secrets",
    ".password-store",
)
EXAMPLES = ("*.example", "*.sample", "*.template", "*.dist", "*.pub")  # examples of secret files, without any secret
CODE = (".py", ".js", ".ts", ".go", ".rs", ".java", ".c", ".h", ".cpp", ".rb", ".md", ".html")


def normalised(name: str) -> str:
    """Return a name as file systems may compare it: no case, no invisible characters, no dots or spaces at its end."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(sign for sign in folded if unicodedata.category(sign) not in ("Cf", "Cc")).rstrip(". ")


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Return whether a normalised name matches one of these patterns."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def is_secret(path: str) -> bool:
    """Return whether a relative path may hold secrets, so that models do not see it unless the user allows it."""
    *folders, name = (normalised(part) for part in path.split("/"))
    if any(folder in SECRET_FOLDERS for folder in folders):
        return True
    if matches(name, EXAMPLES):
        return False
    if name.endswith(CODE) and not name.startswith(".env"):  # secrets.py is an ordinary module
        return False
    return matches(name, SECRET_FILES)

# Prints test/vectors/foreign-hashes.json: hashes that the libraries themselves made, in all formats that Latchkey imports.
#
#   python3 -m venv venv
#   venv/bin/pip install passlib==1.7.4 bcrypt==4.0.1 argon2-cffi==25.1.0 'pwdlib[argon2]==0.3.1' django==5.2.19 \
#     werkzeug==3.1.9 firebase-scrypt==0.1.0
#   venv/bin/python test/vectors/foreign-hashes.py > test/vectors/foreign-hashes.json
#
# It also needs openssl. The costs are low, so that the tests are fast; the salts are random.

import base64
import json
import os
import subprocess
import warnings
from importlib.metadata import version

import argon2
import django
from django.conf import settings
from firebase_scrypt.firebasescrypt import encrypt, generate_derived_key
from passlib import hash as passlib
from pwdlib import PasswordHash
from werkzeug.security import generate_password_hash

warnings.simplefilter("ignore")
django_hashers = [
    "PBKDF2PasswordHasher",
    "PBKDF2SHA1PasswordHasher",
    "Argon2PasswordHasher",
    "BCryptSHA256PasswordHasher",
    "BCryptPasswordHasher",
    "ScryptPasswordHasher",
]
settings.configure(PASSWORD_HASHERS=[f"django.contrib.auth.hashers.{name}" for name in django_hashers])
django.setup()
from django.contrib.auth import hashers

passwords = ["secret", "pässwörd 🔑", "x" * 100]
vectors = []


def add(source, password, text):
    vectors.append({"source": source, "password": password, "hash": text})


def add_argon2(password):
    for variant in argon2.Type:
        hasher = argon2.PasswordHasher(time_cost=2, memory_cost=64, parallelism=2, type=variant)
        add(f"argon2-cffi {version('argon2-cffi')} {variant.name}", password, hasher.hash(password))


def add_passlib(password):
    for name, options in {
        "argon2": {"type": "ID", "memory_cost": 64, "rounds": 1, "parallelism": 1},
        "bcrypt_sha256": {"rounds": 4},
        "pbkdf2_sha1": {"rounds": 1000},
        "pbkdf2_sha256": {"rounds": 1000},
        "pbkdf2_sha512": {"rounds": 1000},
        "scrypt": {"rounds": 4, "block_size": 8, "parallelism": 2},
        "sha256_crypt": {"rounds": 1000},
        "sha512_crypt": {"rounds": 1000},
    }.items():
        add(f"passlib {version('passlib')} {name}", password, getattr(passlib, name).using(**options).hash(password))
    old = passlib.bcrypt_sha256.using(rounds=4, version=1)
    add(f"passlib {version('passlib')} bcrypt_sha256 version 1", password, old.hash(password))


def add_django(password):
    for name in ["pbkdf2_sha256", "pbkdf2_sha1", "argon2", "bcrypt_sha256", "bcrypt", "scrypt"]:
        if name == "bcrypt" and len(password.encode()) > 72:
            continue
        hasher = hashers.get_hasher(name)
        for cost, value in {"iterations": 1000, "rounds": 4, "memory_cost": 64, "work_factor": 64}.items():
            if hasattr(hasher, cost):
                setattr(hasher, cost, value)
        add(f"Django {version('django')} {name}", password, hasher.encode(password, hasher.salt()))


def add_werkzeug(password):
    for method in ["pbkdf2:sha256:1000", "pbkdf2:sha1:1000", "pbkdf2:sha512:1000", "scrypt:1024:8:1"]:
        source = f"Werkzeug {version('werkzeug')} {method}"
        add(source, password, generate_password_hash(password, method=method))


def add_firebase(password):
    signer_key = os.urandom(64)
    salt = os.urandom(8)
    derived = generate_derived_key(password, salt, b"\x07", 8, 4)
    encode = lambda data: base64.b64encode(data).decode()
    encrypted = encode(encrypt(signer_key, derived))
    text = f"$fbscrypt$v=1,n=4,r=8,p=1,ss=Bw==,sk={encode(signer_key)}${encode(salt)}${encrypted}"
    add(f"firebase-scrypt {version('firebase-scrypt')}", password, text)


def add_openssl(password):
    openssl = subprocess.run(["openssl", "version"], capture_output=True, text=True).stdout.split()[1]
    for option in ["-5", "-6"]:
        command = ["openssl", "passwd", option, "-salt", "saltstring", "-stdin"]
        made = subprocess.run(command, input=password.encode(), capture_output=True).stdout.decode().strip()
        add(f"openssl {openssl} passwd {option}", password, made)


for password in passwords:
    for add_all in [add_argon2, add_passlib, add_django, add_werkzeug, add_firebase, add_openssl]:
        add_all(password)

# With the costs that the libraries choose
add(f"pwdlib {version('pwdlib')} PasswordHash.recommended()", "secret", PasswordHash.recommended().hash("secret"))
add(f"Werkzeug {version('werkzeug')} with its defaults", "secret", generate_password_hash("secret"))

# Google's own example, from https://github.com/firebase/scrypt
add(
    "firebase/scrypt, README.md",
    "user1password",
    "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,"
    "sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA=="
    "$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==",
)

print(json.dumps(vectors, indent=2, ensure_ascii=False))

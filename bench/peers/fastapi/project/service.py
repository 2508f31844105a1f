"""The service of the FastAPI tutorial, with passwords hashed as Latchkey hashes them: bcrypt, cost 12."""

import tutorial004 as tutorial
from pwdlib import PasswordHash
from pwdlib.hashers.bcrypt import BcryptHasher

tutorial.password_hash = PasswordHash((BcryptHasher(rounds=12),))
tutorial.DUMMY_HASH = tutorial.get_password_hash("dummypassword")
tutorial.fake_users_db["johndoe"]["hashed_password"] = tutorial.get_password_hash("secret")

app = tutorial.app

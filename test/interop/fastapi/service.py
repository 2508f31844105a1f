# The service of the FastAPI tutorial "OAuth2 with Password (and hashing), Bearer with JWT tokens", with its users in
# PostgreSQL. The argument says whose libraries it uses: `pwdlib` for today's tutorial, `passlib` for that of 2021.

import os
import sys
from datetime import datetime, timedelta, timezone
from typing import Annotated

import psycopg
import uvicorn
from fastapi import Depends, FastAPI, HTTPException, status
from fastapi.security import OAuth2PasswordBearer, OAuth2PasswordRequestForm
from psycopg.rows import dict_row
from pydantic import BaseModel

if sys.argv[1] == "pwdlib":
    import jwt
    from jwt.exceptions import InvalidTokenError
    from pwdlib import PasswordHash

    passwords = PasswordHash.recommended()
else:
    from jose import JWTError as InvalidTokenError
    from jose import jwt
    from passlib.context import CryptContext

    passwords = CryptContext(schemes=["bcrypt"], deprecated="auto")

SECRET_KEY = os.environ["SECRET_KEY"]
ALGORITHM = "HS256"
ACCESS_TOKEN_EXPIRE_MINUTES = 30

database = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True, row_factory=dict_row)
database.execute(
    "CREATE TABLE IF NOT EXISTS users (id serial PRIMARY KEY, username text UNIQUE, email text, full_name text,"
    " disabled boolean, hashed_password text)"
)


class Token(BaseModel):
    access_token: str
    token_type: str


class User(BaseModel):
    username: str
    email: str | None = None
    full_name: str | None = None
    disabled: bool | None = None


class Registration(BaseModel):
    username: str
    email: str | None = None
    full_name: str | None = None
    password: str


app = FastAPI()
oauth2_scheme = OAuth2PasswordBearer(tokenUrl="token")


def get_user(username: str):
    return database.execute("SELECT * FROM users WHERE username = %s", [username]).fetchone()


async def get_current_user(token: Annotated[str, Depends(oauth2_scheme)]):
    credentials_exception = HTTPException(
        status_code=status.HTTP_401_UNAUTHORIZED,
        detail="Could not validate credentials",
        headers={"WWW-Authenticate": "Bearer"},
    )
    try:
        payload = jwt.decode(token, SECRET_KEY, algorithms=[ALGORITHM])
    except InvalidTokenError:
        raise credentials_exception
    user = get_user(payload.get("sub"))
    if user is None:
        raise credentials_exception
    return user


async def get_current_active_user(user: Annotated[dict, Depends(get_current_user)]):
    if user["disabled"]:
        raise HTTPException(status_code=400, detail="Inactive user")
    return user


@app.post("/register", status_code=201)
async def register(registration: Registration) -> None:
    database.execute(
        "INSERT INTO users (username, email, full_name, disabled, hashed_password) VALUES (%s, %s, %s, false, %s)",
        [
            registration.username,
            registration.email,
            registration.full_name,
            passwords.hash(registration.password),
        ],
    )


@app.post("/token")
async def login_for_access_token(form_data: Annotated[OAuth2PasswordRequestForm, Depends()]) -> Token:
    user = get_user(form_data.username)
    if not user or not passwords.verify(form_data.password, user["hashed_password"]):
        raise HTTPException(
            status_code=status.HTTP_401_UNAUTHORIZED,
            detail="Incorrect username or password",
            headers={"WWW-Authenticate": "Bearer"},
        )
    expire = datetime.now(timezone.utc) + timedelta(minutes=ACCESS_TOKEN_EXPIRE_MINUTES)
    access_token = jwt.encode({"sub": user["username"], "exp": expire}, SECRET_KEY, algorithm=ALGORITHM)
    return Token(access_token=access_token, token_type="bearer")


@app.get("/users/me/")
async def read_users_me(user: Annotated[dict, Depends(get_current_active_user)]) -> User:
    return user


@app.get("/users/me/items/")
async def read_own_items(user: Annotated[dict, Depends(get_current_active_user)]):
    return [{"item_id": "Foo", "owner": user["username"]}]


uvicorn.run(app, host="127.0.0.1", port=0)

"""Logging in by a token, logging out, and the question of a proxy whether somebody is in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.engine import Engine

from connections.secret import Secret
from connections.web_sessions import begin_session, end_session
from connections.web_settings import WebSettings
from connections.web_users import User, user_of_token
from console.web.context import Web, web_of
from console.web.identity import browser_of, client_of, drop_session, set_session
from console.web.paths import CHECK_PATH, LOGIN_PATH, LOGOUT_PATH, own_path
from console.web.viewer import Viewer

router = APIRouter()


@router.get(LOGIN_PATH, response_class=HTMLResponse)
def login_page(request: Request, web: Annotated[Web, Depends(web_of)], next: str = "/") -> Response:
    """Ask who it is."""
    if request.state.viewer is not None:
        return RedirectResponse(own_path(next), 303)
    return ask(request, web, next)


@router.post(LOGIN_PATH)
def log_in(
    request: Request,
    web: Annotated[Web, Depends(web_of)],
    token: Annotated[str, Form(max_length=500)] = "",
    next: Annotated[str, Form()] = "/",
) -> Response:
    """Log in by the deployment's token or a user's."""
    if not web.limiter.allows("login", client_of(request.scope)):
        return ask(request, web, next, "Too many attempts: wait a minute.", 429)
    given = Secret(token.strip())
    if not web.web_settings.login_demanded:
        return RedirectResponse(own_path(next), 303)
    if _is_the_deployments(given, web.web_settings):
        return logged_in(request, web, None, next, deployment_token=given)
    user = _user(web.engine, given)
    if user is None:
        return ask(request, web, next, "This token is not known.", 401)
    return logged_in(request, web, user, next)


@router.post(LOGOUT_PATH)
def log_out(request: Request, web: Annotated[Web, Depends(web_of)]) -> Response:
    """End this browser's session."""
    session_id = browser_of(request).session_id
    if session_id is not None:
        end_session(web.engine, session_id)
    response = RedirectResponse(LOGIN_PATH if web.web_settings.login_demanded else "/", 303)
    drop_session(response, secure=web.web_settings.secure)
    return response


@router.get(CHECK_PATH)
def check(request: Request, web: Annotated[Web, Depends(web_of)]) -> Response:
    """Tell a proxy whether the Dagster UI may be shown: 204 to operators who are logged in.

    It asks with the browser's cookies and headers; a request that another site's page made
    carries no cookie, or names that site as its origin.
    """
    viewer: Viewer | None = request.state.viewer
    origin = request.headers.get("origin")
    if viewer is None or not web.web_settings.login_demanded:
        return Response(status_code=401)
    foreign = origin is not None and origin != web.address_of(request, "")
    return Response(status_code=204 if viewer.is_operator and not foreign else 403)


def ask(request: Request, web: Web, next: str, words: str = "", status: int = 200) -> HTMLResponse:
    """The page that asks for a login, after `words` if there are some."""
    return web.templates.TemplateResponse(
        request,
        "login.html",
        {
            "title": "Log in",
            "text": words,
            "wrong": bool(words),
            "next": own_path(next),
            "oidc": web.web_settings.oidc and web.web_settings.oidc.name,
        },
        status_code=status,
    )


def logged_in(
    request: Request,
    web: Web,
    user: User | None,
    next: str,
    *,
    deployment_token: Secret | None = None,
) -> Response:
    """Begin a session under a fresh id, and go on to where the person wanted."""
    session_id = begin_session(
        web.engine,
        user_id=None if user is None else user.user_id,
        deployment_token=deployment_token,
        former=browser_of(request).session_id,
    )
    response = RedirectResponse(own_path(next), 303)
    set_session(response, session_id, secure=web.web_settings.secure)
    return response


def _is_the_deployments(token: Secret, settings: WebSettings) -> bool:
    return settings.token is not None and token == settings.token


def _user(engine: Engine, token: Secret) -> User | None:
    return user_of_token(engine, token) if token else None

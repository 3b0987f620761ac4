"""What tests/support/oidc_server.py serves, as Django looks it up: routes, and what is said of a user."""

from typing import Any

from django.contrib.auth.views import LoginView
from django.urls import include, path
from oauth2_provider.oauth2_validators import OAuth2Validator

from tests.support.oidc_server import USERS

urlpatterns = [
    path("accounts/login/", LoginView.as_view()),
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
]


class Validator(OAuth2Validator):
    """Adds the e-mail address, and whether it is verified, to what is said of a user, whatever was asked for."""

    oidc_claim_scope = None

    def get_additional_claims(self, request: Any) -> dict[str, Any]:
        email, is_verified = USERS[request.user.username]
        return {"email": email, "email_verified": is_verified, "name": request.user.username}

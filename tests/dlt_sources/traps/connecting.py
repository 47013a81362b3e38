"""Traps of access: scopes, tokens, refusals, secrets.

Stripe's own rules (a code is good once and for five minutes) are enforced by the double that
tests/connections stands on, not listed here.
"""

from tests.dlt_sources.traps.trap import FAULTS_TEST, Trap, trap

TOKENS_TEST = "tests/connections/test_tokens.py"

TRAPS: tuple[Trap, ...] = (
    trap(
        "scope=read_only",
        "tests/connections/test_oauth.py::test_the_pages_of_both_flows",
        "connections/oauth.py",
        '"scope": "read_only"',
        '"scope": "read_write"',
    ),
    trap(
        "calls carry the platform's key and `Stripe-Account`",
        "tests/connections/test_tokens.py::test_connect_calls_carry_the_platforms_key_and_the_account",
        "connections/stripe_api.py",
        '        headers["Stripe-Account"] = account_id\n',
        "        pass\n",
    ),
    trap(
        "**replaced at every exchange**: store the new one",
        f"{TOKENS_TEST}::test_a_token_is_used_for_fifty_minutes_and_then_replaced",
        "connections/tokens.py",
        "    if grant.refresh_token is not None:\n",
        "    if False:\n",
    ),
    trap(
        "atomically, under a lock",
        f"{TOKENS_TEST}::test_a_thousand_callers_make_one_exchange",
        "connections/tokens.py",
        "self.account_id, _REFRESH, lock=True)",
        "self.account_id, _REFRESH)",
    ),
    trap(
        "refresh at ~50 minutes",
        f"{TOKENS_TEST}::test_a_token_is_used_for_fifty_minutes_and_then_replaced",
        "connections/tokens.py",
        "(token.expires_at - token.stored_at) * 5 / 6",
        "(token.expires_at - token.stored_at)",
    ),
    trap(
        "read-only ones for charges and payments, subscriptions, customers",
        "tests/connections/test_oauth.py::test_what_a_connection_must_read_is_what_a_sync_reads",
        "connections/stripe_api.py",
        '    "disputes",\n',
        "",
    ),
    trap(
        "named by environment variable, read at run time, never stored",
        f"{TOKENS_TEST}::test_a_key_is_read_from_the_environment_at_each_call",
        "connections/tokens.py",
        'return stripe_api.bearer_headers(api_key_from_environment(self._variable or ""))',
        'self._key = vars(self).get("_key") or api_key_from_environment(self._variable or "")\n'
        "            return stripe_api.bearer_headers(self._key)",
    ),
    trap(
        "its schedule stops, its tokens are deleted",
        "tests/connections/test_syncs.py"
        "::TestOutcomes::test_revoked_deletes_tokens_and_stops_the_schedule",
        "connections/accounts.py",
        "    delete_tokens(session, account.account_id)\n",
        "",
    ),
    trap(
        "A 403 on one stream names the missing permission and fails that stream loudly",
        f"{FAULTS_TEST}::test_a_missing_permission_is_named_and_not_skipped",
        "client.py",
        "the credential lacks a permission: {message}",
        "refused",
    ),
    trap(
        "a definitive 401/403 on a call: the account becomes `revoked`",
        f"{FAULTS_TEST}::test_a_refusal_for_good_is_a_revocation",
        "client.py",
        "        return status == 401 or is_revocation(status, error)\n",
        "        return False\n",
    ),
    trap(
        "Scrub `client_secret` from anything stored",
        "test_no_client_secret_is_stored",
        "rows.py",
        '        value.pop("client_secret", None)\n',
        "",
    ),
    trap(
        "Stripe's webhook signatures are checked with the SDK",
        "tests/console/test_web_webhooks.py::test_signatures",
        "connections/webhooks.py",
        "    except (stripe.SignatureVerificationError, UnicodeError):\n        return False\n",
        "    except (stripe.SignatureVerificationError, UnicodeError):\n        pass\n",
    ),
)

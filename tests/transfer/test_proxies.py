"""Which proxy the environment means."""

from __future__ import annotations

import pytest

from video_censor_personal.errors import ConfigError
from video_censor_personal.transfer.address import parse_url
from video_censor_personal.transfer.proxies import proxy_for

PROXY = "http://proxy:3128"


@pytest.mark.parametrize(
    ("url", "environment", "used"),
    [
        ("http://a/", {"http_proxy": PROXY}, True),
        ("http://a/", {"HTTP_PROXY": PROXY}, True),
        ("http://a/", {"HTTP_PROXY": PROXY, "REQUEST_METHOD": "GET"}, False),
        ("https://a/", {"http_proxy": PROXY}, False),
        ("https://a/", {"HTTPS_PROXY": "proxy:3128"}, True),
        ("https://a/", {"all_proxy": PROXY}, True),
        ("https://a/", {"ALL_PROXY": PROXY, "https_proxy": ""}, True),
        ("https://a.b/", {"https_proxy": PROXY, "no_proxy": "*"}, False),
        ("https://a.b/", {"https_proxy": PROXY, "no_proxy": "x, .B"}, False),
        ("https://a.b/", {"https_proxy": PROXY, "NO_PROXY": "b"}, False),
        ("https://a.bb/", {"https_proxy": PROXY, "NO_PROXY": "b"}, True),
        ("https://ab/", {"https_proxy": PROXY, "NO_PROXY": "b"}, True),
        ("https://b:8443/", {"https_proxy": PROXY, "no_proxy": "b:443"}, True),
        ("https://b:8443/", {"https_proxy": PROXY, "no_proxy": "b:8443"}, False),
        ("https://10.1.2.3/", {"https_proxy": PROXY, "no_proxy": "10.0.0.0/8"}, False),
        ("https://11.1.2.3/", {"https_proxy": PROXY, "no_proxy": "10.0.0.0/8"}, True),
        ("https://[::1]/", {"https_proxy": PROXY, "no_proxy": "[::1]"}, False),
    ],
)
def test_which_proxy(url: str, environment: dict[str, str], used: bool) -> None:
    proxy = proxy_for(parse_url(url), environment)
    assert (proxy is not None) is used
    assert proxy is None or proxy.netloc == "proxy:3128"


@pytest.mark.parametrize("kind", ["socks5://u:secret@h:1", "https://u:secret@h:1"])
def test_other_proxies_are_refused_without_showing_the_password(kind: str) -> None:
    with pytest.raises(ConfigError, match="https_proxy") as caught:
        proxy_for(parse_url("https://a/"), {"https_proxy": kind})
    assert "secret" not in str(caught.value)

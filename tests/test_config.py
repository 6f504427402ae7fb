"""Settings: where they come from, what they may be, and what is said when one is missing or wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixeltwin import Consent, Snap, Tracker
from pixeltwin.config import OPTIONS, PREFIX, Settings, truth
from pixeltwin.errors import ConfigurationError
from pixeltwin.platforms import installed
from tests.samples import KEY, SNAP_PIXEL, TOKENS

REDDIT = {"PIXELTWIN_REDDIT_PIXEL_ID": "a2_shop", "PIXELTWIN_REDDIT_ACCESS_TOKEN": TOKENS[0]}
ALL = {
    **REDDIT,
    "PIXELTWIN_SNAP_PIXEL_ID": SNAP_PIXEL,
    "PIXELTWIN_SNAP_ACCESS_TOKEN": TOKENS[1],
    "PIXELTWIN_PINTEREST_TAG_ID": "2612345678901",
    "PIXELTWIN_PINTEREST_AD_ACCOUNT_ID": "549755885175",
    "PIXELTWIN_PINTEREST_ACCESS_TOKEN": TOKENS[2],
}
REQUIRED = {
    f"{PREFIX}{kind}_{setting.name}".upper()
    for kind, platform in installed().items()
    for setting in platform.settings
    if setting.required
}


def settings(config: Mapping[str, Any] | None = None, /, **environ: str) -> Settings:
    """Settings of this mapping and this environment; `SITE="a"` stands for PIXELTWIN_SITE=a."""
    return Settings(config, {PREFIX + name: value for name, value in environ.items()})


def tracker(config: Mapping[str, Any], *, debug: bool = False) -> Tracker:
    return Settings({"PIXELTWIN_OUTBOX": "memory:", **config}, {}).tracker(secret_keys=[KEY], debug=debug)


def complaint(config: Mapping[str, Any], **options: Any) -> str:
    """What is said of settings that cannot be right."""
    with pytest.raises(ConfigurationError) as wrong:
        Settings({"PIXELTWIN_OUTBOX": "memory:", **config}, {}).tracker(**options)
    return str(wrong.value)


# --- where settings come from --------------------------------------------------------------------------------------


def test_the_applications_configuration_comes_before_the_environment() -> None:
    """What the application sets wins, an empty text unsets, and None leaves it to the environment."""
    assert settings({"PIXELTWIN_SITE": "shop"}, SITE="other").get("SITE") == "shop"
    assert settings({"PIXELTWIN_SITE": ""}, SITE="other").get("SITE") == ""
    assert settings({"PIXELTWIN_SITE": None}, SITE="other").get("SITE") == "other"
    assert settings({"SITE": "shop"}).get("SITE") == ""


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_option_has_a_default_and_an_explanation(option: Any) -> None:
    """Nothing but a platform and a key has to be set; an empty setting is the same as none."""
    assert settings().get(option.name) == option.default
    assert settings(**{option.name: ""}).get(option.name) == option.default
    assert option.help
    assert option.default in (None, *option.choices) or not option.choices


@pytest.mark.parametrize("option", [one for one in OPTIONS if one.choices], ids=lambda option: option.name)
def test_an_option_with_choices_takes_no_other_word(option: Any) -> None:
    """A mistyped word is an error that lists the choices and does not guess."""
    for choice in option.choices:
        assert settings(**{option.name: choice}).get(option.name) == choice
    with pytest.raises(ConfigurationError, match=f"^{PREFIX}{option.name} must be one of {', '.join(option.choices)}$"):
        settings(**{option.name: "perhaps"}).get(option.name)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        *((yes, True) for yes in ("1", "true", " Yes ", "ON", True, 1)),
        *((no, False) for no in ("0", "False", "no", "off", "", False, 0)),
    ],
)
def test_a_flag_is_written_as_people_write_it(text: Any, meant: bool) -> None:
    """Yes and no are understood in every usual spelling, from an environment as from Python."""
    assert truth(text, "PIXELTWIN_CLEAN_URL") is meant
    assert settings({"PIXELTWIN_CLEAN_URL": text}).flag("CLEAN_URL") is (meant or text == "")


def test_an_unclear_flag_is_an_error() -> None:
    """What is neither yes nor no is refused under the setting's name."""
    with pytest.raises(ConfigurationError, match=r"^PIXELTWIN_CLEAN_URL must be true or false$"):
        settings(CLEAN_URL="maybe").flag("CLEAN_URL")


@given(st.lists(st.text("abc*_", min_size=1, max_size=5), max_size=4))
def test_a_list_may_be_written_with_commas(words: list[str]) -> None:
    """A list in Python and its words with commas, blanks and empty places between them, are the same."""
    written = f" {' , '.join(words)} ,"
    assert settings({"PIXELTWIN_KEEP_PARAMETERS": words}).words("KEEP_PARAMETERS") == tuple(words)
    assert settings(KEEP_PARAMETERS=written).words("KEEP_PARAMETERS") == tuple(words)


# --- platforms -----------------------------------------------------------------------------------------------------


def test_a_platform_is_used_when_its_settings_are_there() -> None:
    """Each configured platform is made of its own settings, the others are not there."""
    assert settings().platforms() == []
    assert [platform.kind for platform in Settings({}, REDDIT).platforms()] == ["reddit"]
    found = {platform.kind: platform for platform in Settings(ALL, {}).platforms()}
    assert set(found) == {"reddit", "snap", "pinterest"}
    assert (found["reddit"].account, found["reddit"].token) == ("a2_shop", TOKENS[0])
    assert all(platform.sends for platform in found.values())


@pytest.mark.parametrize("missing", sorted(REQUIRED))
def test_half_a_platform_is_an_error_that_names_the_other_half(missing: str) -> None:
    """A token without its pixel says which setting is missing and where its value is found."""
    half = {name: value for name, value in ALL.items() if name != missing}
    assert re.fullmatch(rf"\w+ is configured by half: set {missing} \(.+\)", complaint(half, secret_keys=[KEY]))


def test_a_token_may_be_missing() -> None:
    """A pixel without a token has a browser half only."""
    (platform,) = Settings({"PIXELTWIN_REDDIT_PIXEL_ID": "a2_shop"}, {}).platforms()
    assert platform.browser
    assert not platform.sends


def test_a_token_may_be_a_function_that_knows_it() -> None:
    """Where tokens expire the application gives a callable, which is asked each time."""
    tokens = iter(["one", "two"])
    config = {"PIXELTWIN_REDDIT_PIXEL_ID": "a2_shop", "PIXELTWIN_REDDIT_ACCESS_TOKEN": lambda: next(tokens)}
    (platform,) = Settings(config, {}).platforms()
    assert [platform.token, platform.token] == ["one", "two"]


def test_an_id_may_be_a_number() -> None:
    """Ids of digits are often kept as numbers in a configuration in Python."""
    (platform,) = Settings({"PIXELTWIN_PINTEREST_TAG_ID": 2612345678901}, {}).platforms()
    assert platform.account == "2612345678901"


def test_a_platforms_own_flag_is_read_as_one() -> None:
    """A setting of a platform that is yes or no is understood like any other flag."""
    raw, hashed = (
        Settings({**REDDIT, "PIXELTWIN_REDDIT_HASH_IP_ADDRESS": text}, {}).platforms()[0] for text in ("no", "yes")
    )
    assert (raw.rules["ip_address"].hashed, hashed.rules["ip_address"].hashed) == (False, True)


def test_a_list_and_a_mapping_of_a_platform_are_written_with_commas() -> None:
    """What every platform takes, and what one takes alone, is reached from an environment as from Python."""
    written = {
        "PIXELTWIN_SNAP_BROWSER": "off",
        "PIXELTWIN_SNAP_WITHHOLD": "phone, ip_address",
        "PIXELTWIN_SNAP_NAMES": "Lead=CUSTOM_EVENT_2, Search=LIST_VIEW",
        "PIXELTWIN_SNAP_CUSTOM_EVENTS": "Quiz finished = CUSTOM_EVENT_1",
    }
    plain = {
        "PIXELTWIN_SNAP_BROWSER": False,
        "PIXELTWIN_SNAP_WITHHOLD": {"phone", "ip_address"},
        "PIXELTWIN_SNAP_NAMES": {"Lead": "CUSTOM_EVENT_2", "Search": "LIST_VIEW"},
        "PIXELTWIN_SNAP_CUSTOM_EVENTS": {"Quiz finished": "CUSTOM_EVENT_1"},
    }
    for given_as in (Settings(ALL, written), Settings({**ALL, **plain}, {})):
        platform = given_as.platform("snap")
        assert isinstance(platform, Snap)
        assert (platform.browser, platform.server) == (False, True)
        assert platform.withhold == {"phone", "ip_address"}
        assert platform.names == plain["PIXELTWIN_SNAP_NAMES"]
        assert platform.custom_events["Quiz finished"].server == "CUSTOM_EVENT_1"
        assert given_as.unknown() == []
    with pytest.raises(ConfigurationError, match=r"^PIXELTWIN_SNAP_NAMES must be written as name=value, name=value$"):
        Settings({**ALL, "PIXELTWIN_SNAP_NAMES": "Lead"}, {}).platforms()


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        *(("WITHHOLD", value, "must be a list, or one text with commas") for value in (5, True, [5])),
        ("NAMES", 5, "must be a list, or one text with commas"),
        ("NAMES", "Lead=CUSTOM_EVENT_1", "Reddit has no event called 'CUSTOM_EVENT_1'"),
    ],
)
def test_a_setting_of_a_platform_that_cannot_be_is_named(name: str, value: object, advice: str) -> None:
    """Whatever stands there, the error says in which setting, and what belongs there."""
    with pytest.raises(ConfigurationError, match=rf"^PIXELTWIN_REDDIT_{name}:? {advice}"):
        Settings({**REDDIT, f"PIXELTWIN_REDDIT_{name}": value}, {}).platforms()


# --- the tracker ---------------------------------------------------------------------------------------------------


def test_the_tracker_is_what_the_settings_say() -> None:
    """Site, keys, phone region and behaviour on errors reach the tracker."""
    ours = tracker(
        {
            **ALL,
            "PIXELTWIN_SITE": "shop",
            "PIXELTWIN_SECRET_KEYS": "old, new",
            "PIXELTWIN_PHONE_REGION": "GB",
            "PIXELTWIN_ON_ERROR": "raise",
            "PIXELTWIN_WHEN_UNSURE": "send",
        }
    )
    assert (ours.site, ours.phone_region, ours.on_error, ours.when_unsure) == ("shop", "GB", "raise", "send")
    assert ours.secret_keys == ("old", "new")
    assert [platform.kind for platform in ours.platforms] == list(installed())


def test_faults_are_raised_where_a_developer_looks_on() -> None:
    """In debugging a tracking fault is raised, in production it is logged, if the setting does not say otherwise."""
    assert tracker(REDDIT, debug=True).on_error == "raise"
    assert tracker(REDDIT).on_error == "log"
    assert tracker({**REDDIT, "PIXELTWIN_ON_ERROR": "log"}, debug=True).on_error == "log"


@pytest.mark.parametrize("kind", sorted(installed()))
def test_what_is_said_to_be_needed_is_enough(kind: str) -> None:
    """Who sets what the advice names, and no more, has a platform with both halves."""
    named = Settings({}, {}).needed(kind).split(", ")
    found = Settings({name: ALL[name] for name in named}, {}).platform(kind)
    assert found and found.sends and found.browser


def test_without_a_platform_every_platforms_settings_are_named() -> None:
    """An application without any platform is told what to set for each there is."""
    said = complaint({})
    assert "no platform is configured" in said
    assert all(name in said for name in (*REQUIRED, "PIXELTWIN_SNAP_ACCESS_TOKEN"))


def test_without_a_secret_key_it_is_said_how_to_make_one() -> None:
    """An application without a key is told the setting and a command that makes a key."""
    said = complaint(REDDIT)
    assert "PIXELTWIN_SECRET_KEYS, or Flask's SECRET_KEY" in said
    assert "secrets.token_hex(32)" in said
    assert TOKENS[0] not in said


def test_the_frameworks_key_serves_where_no_other_is_set() -> None:
    """The framework's own secret key is used until the setting names others."""
    assert tracker(REDDIT).secret_keys == (KEY,)
    assert tracker({**REDDIT, "PIXELTWIN_SECRET_KEYS": ["mine"]}).secret_keys == ("mine",)


# --- consent and sandbox -------------------------------------------------------------------------------------------


def test_a_fixed_consent_is_one_of_the_four_answers() -> None:
    """A site that needs no banner answers once for all; one that has a banner leaves it out."""
    assert settings().consent is None
    assert settings(CONSENT="limited").consent == Consent.limited()


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/sandbox", "http://localhost:8000", "http://[::1]:8000/"])
def test_a_sandbox_takes_both_halves_of_every_platform(url: str) -> None:
    """With a sandbox on this machine neither a script nor an event comes from or goes to a vendor."""
    for platform in tracker({**ALL, "PIXELTWIN_SANDBOX": url}).platforms:
        for address in (platform.api_url, platform.script_url):
            assert address.startswith(f"{url.rstrip('/')}/{platform.kind}")


@pytest.mark.parametrize("url", ["https://sandbox.example/", "http://10.0.0.5:8000", "http://127.0.0.1.example/"])
def test_a_sandbox_elsewhere_is_refused_in_production(url: str) -> None:
    """Conversions that go to another machine's sandbox are never counted, so only a developer may want that."""
    assert "PIXELTWIN_SANDBOX points to another machine" in complaint(
        {**REDDIT, "PIXELTWIN_SANDBOX": url}, secret_keys=[KEY]
    )
    assert tracker({**REDDIT, "PIXELTWIN_SANDBOX": url}, debug=True).platforms[0].api_url.startswith(url.rstrip("/"))


@pytest.mark.parametrize("url", ["localhost:8100", "127.0.0.1:8100", "sandbox", "http:/localhost:8100", "http://[::1"])
@pytest.mark.parametrize("debug", [False, True])
def test_a_sandbox_that_is_no_url_is_told_so(url: str, debug: bool) -> None:
    """An address without its http:// leads nowhere, whether anybody debugs or not, and is told with the right form."""
    said = complaint({**REDDIT, "PIXELTWIN_SANDBOX": url}, secret_keys=[KEY], debug=debug)
    assert "PIXELTWIN_SANDBOX must be a URL with its http://" in said


@given(st.dictionaries(st.sampled_from(["PIXELTWIN_SITE", "SECRET_KEY"]), st.text()))
def test_whoever_reads_the_environment_alone_is_told_where_other_settings_may_be(config: dict[str, str]) -> None:
    """The advice to ask the Flask application is there exactly where no application was asked."""
    assert ("flask --app" in settings(config).elsewhere) is (not config)


def test_a_misspelt_setting_is_told_with_the_one_that_was_meant() -> None:
    """A setting that nothing reads is named, with its near match; those that exist are not."""
    settings = Settings({"PIXELTWIN_CONSNET": "granted", "PIXELTWIN_SITE": "shop", "OTHER": 1}, {"PIXELTWIN_QQQ": "1"})
    assert settings.unknown() == [
        "PIXELTWIN_CONSNET is no setting; did you mean PIXELTWIN_CONSENT?",
        "PIXELTWIN_QQQ is no setting",
    ]


@pytest.mark.parametrize(
    ("given", "outbox"),
    [
        ({}, "sqlite:///pixeltwin.db"),
        ({"PIXELTWIN_SANDBOX": "http://127.0.0.1:8100"}, "sqlite:///pixeltwin-sandbox.db"),
        ({"PIXELTWIN_SANDBOX": "http://127.0.0.1:8100", "PIXELTWIN_OUTBOX": "memory:"}, "memory:"),
    ],
)
def test_what_was_tried_in_a_sandbox_is_not_in_the_way_of_going_live(given: dict[str, str], outbox: str) -> None:
    """While there is a sandbox the default outbox is another file, so that no order is known when it is unset."""
    assert Settings({}, given).outbox == outbox


# --- an application's own tracker ----------------------------------------------------------------------------------


class Noted(Settings):
    """Settings that note which of them were asked for."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config, {})
        self.asked: set[str] = set()

    def raw(self, name: str) -> Any:
        self.asked.add(name)
        return super().raw(name)


def test_whatever_a_tracker_is_made_of_is_refused_beside_one() -> None:
    """Each setting that reaches a tracker made of settings is refused, by name, where nothing would read it; the
    parameters that a page's URL keeps are read there, too."""
    noted = Noted({**ALL, "PIXELTWIN_OUTBOX": "memory:"})
    noted.tracker(secret_keys=[KEY])
    for name in noted.asked - {"KEEP_PARAMETERS"}:
        for beside in (settings({PREFIX + name: "x"}), settings(None, **{name: "x"})):
            with pytest.raises(ConfigurationError, match=rf"^PIXELTWIN_{name}: .*tracker="):
                beside.check_beside_tracker()
    for name in ({option.name for option in OPTIONS} - noted.asked) | {"KEEP_PARAMETERS"}:
        settings(None, **{name: "x"}).check_beside_tracker()


def test_a_platforms_own_settings_are_named_before_those_of_all() -> None:
    """Which pixel it is comes first, then what may be said of any pixel."""
    both = settings({"PIXELTWIN_REDDIT_BROWSER": "off", "PIXELTWIN_REDDIT_PIXEL_ID": "a2_shop"})
    with pytest.raises(ConfigurationError, match=r"^PIXELTWIN_REDDIT_PIXEL_ID, PIXELTWIN_REDDIT_BROWSER: "):
        both.check_beside_tracker()


def test_what_is_not_really_set_is_no_fault_beside_a_tracker(caplog: pytest.LogCaptureFixture) -> None:
    """Empty settings are none, and a misspelled one is told as ever."""
    settings({"PIXELTWIN_SITE": None}, SANDBOX="", CONSNET="granted").check_beside_tracker()
    assert "did you mean PIXELTWIN_CONSENT?" in caplog.text

import pytest

from costscope.prices import match
from costscope.prices.names import place

OURS = {library: ours for ours, library in match.LIBRARY_IDS.items()}


def listed(provider: str, channel: str, model: str) -> str | None:
    found = match.find(place(provider, channel, model))
    return f"{found.provider}/{found.model.id}" if found else None


def test_every_id_of_the_library_is_itself() -> None:
    astray = [
        (provider.id, model.id)
        for provider in match.providers().values()
        for model in provider.models
        if (found := match.find(place(OURS.get(provider.id, provider.id), "", model.id))) is None
        or found.model is not model
    ]
    assert astray == []


def test_every_name_that_the_library_states_means_what_the_library_says() -> None:
    everybody = list(match.providers().values())
    astray = [
        (provider.id, name)
        for provider in everybody
        for clause in provider.models
        for name in stated(clause.match)
        if (theirs := provider.find_model(name, all_providers=everybody)) is not None
        and ((ours := match.find(place(OURS.get(provider.id, provider.id), "", name))) is None
             or ours.model.prices != theirs.prices)
    ]  # fmt: skip
    assert astray == []


def stated(clause: object) -> list[str]:
    inner = getattr(clause, "or_", None)
    if inner is not None:
        return [name for one in inner for name in stated(one)]
    return [clause.equals] if hasattr(clause, "equals") else []


@pytest.mark.parametrize(
    "name",
    ["claude-sonnet-4-5-20250929", "claude-sonnet-4-5@20250929", "claude-sonnet-4-5-latest",
     "anthropic/claude-sonnet-4-5", "claude-sonnet-4-5-20250929[1m]"],
)  # fmt: skip
def test_a_dated_name_is_the_model(name: str) -> None:
    assert listed("anthropic", "direct", name) == "anthropic/claude-sonnet-4-5"


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("anthropic", "claude-sonnet-4-5-foo"),
        ("anthropic", "claude-opus-4-9"),
        ("anthropic", "claude-opus-4-1-mini"),
        ("openai", "gpt-4o-ultra-9000"),
        ("openai", "gpt-7"),
        ("openai", "computer-use-turbo"),
        ("xai", "grok-4.20-foo"),
        ("google", "gemini-2.5-pro-max"),
        ("google", "gemini-1.5-flash-99b"),
        ("deepseek", "deepseek-r1-distill-llama-70b"),
        ("azure", "my-deployment"),
        ("azure", "o4-mini-turbo"),
        ("aws", "mistral.mistral-large-2407-v1:0"),
        ("aws", "us.anthropic.claude-opus-4-8-turbo"),
        ("", ""),
    ],
)
def test_an_unknown_release_is_not_its_sibling(provider: str, model: str) -> None:
    assert listed(provider, "direct", model) is None


@pytest.mark.parametrize(
    ("given", "entry"),
    [
        (("anthropic", "bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
         "aws/regional.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        (("anthropic", "bedrock", "global.anthropic.claude-sonnet-4-5-20250929-v1:0"),
         "aws/global.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        (("anthropic", "bedrock", "apac.anthropic.claude-opus-4-8-v1:0"),
         "aws/regional.anthropic.claude-opus-4-8-v1:0"),
        (("anthropic", "bedrock", "claude-sonnet-4-5"),
         "aws/regional.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        (("openai", "bedrock", "us.openai.gpt-5.4"), "aws/openai.gpt-5.4"),
        (("openai", "azure", "gpt-4o-2024-08-06"), "openai/gpt-4o"),
        (("anthropic", "vertex", "claude-sonnet-5@default"), "anthropic/claude-sonnet-5"),
        (("groq", "direct", "gpt-oss-20b"), "groq/openai/gpt-oss-20b"),
        (("openrouter", "openrouter", "claude-sonnet-4.5"), "openrouter/anthropic/claude-sonnet-4.5"),
        (("openrouter", "openrouter", "openai/gpt-realtime-2"), "openai/gpt-realtime-2"),
        (("openai", "direct", "gpt-5.2-20251211"), "openai/gpt-5.2"),
        (("google", "direct", "models/gemini-2.5-pro"), "google/gemini-2.5-pro"),
        (("google", "vertex", "projects/p/locations/us/publishers/google/models/gemini-2.5-pro"),
         "google/gemini-2.5-pro"),
        (("google", "direct", "gemini-1.5-flash-8b-001"), "google/gemini-flash-1.5-8b"),
        (("acme", "direct", "gpt-4o"), "openai/gpt-4o"),
        (("fireworks_ai", "", "accounts/fireworks/models/glm-5p3"), "fireworks/glm-5p3"),
    ],
)  # fmt: skip
def test_a_name_finds_its_entry(given: tuple[str, str, str], entry: str) -> None:
    assert listed(*given) == entry


def test_a_global_profile_is_not_priced_as_a_regional_one() -> None:
    assert listed("openai", "bedrock", "global.openai.gpt-5.4") is None


def test_list_prices_of_a_maker_are_not_the_resellers_own() -> None:
    azure = match.find(place("openai", "azure", "gpt-4o"))
    assert azure is not None
    assert not azure.own

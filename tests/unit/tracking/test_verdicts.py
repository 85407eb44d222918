import re
from pathlib import Path

import pytest
from django.conf import settings

from tracking import verdicts
from tracking.hits import HEAD, PREFETCH, Hit
from tracking.models import Verdict
from tracking.verdicts import REASONS, judge


def pixel(agent: str, flags: int = 0) -> Hit:
    return Hit(1, 1, 1, 0, flags, "192.0.2.1", agent)


def link(agent: str, flags: int = 0) -> Hit:
    return Hit(1, 1, 1, 7, flags, "192.0.2.1", agent)


PEOPLE = [
    # Browsers
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 9; CUBOT_X19) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) GSA/342.0 Mobile/15E148 Safari/604.1",
    # Mail programs
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.5.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)",
    "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; WOW64; Trident/8.0; .NET4.0C; .NET4.0E; Microsoft Outlook 16.0.10386; ms-office; MSOffice 16)",
    "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17928; Pro)",
    "Outlook-iOS/723.4146894.prod.iphone (4.2446.0)",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) eM Client/10.0.3530.0",
]  # fmt: skip
PHONE_MAIL_PROGRAMS = [
    "Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8 Build/AP2A.240905.003)",
    "okhttp/4.12.0",
    "Spark/3.20 CFNetwork/1568.200.51 Darwin/24.1.0",
]
MACHINES = {
    "scanner": [
        "Mozilla/5.0 (compatible; Barracuda Sentinel (EE))",
        "BarracudaCentral (BBL)",
        "Mimecast-URL-Protection/1.0",
        "Mozilla/5.0 (compatible; Proofpoint URL Defense)",
        "Microsoft Office Existence Discovery",
        "Microsoft Office Protocol Discovery",
        "Mozilla/5.0 (Windows NT 6.1) AppleWebKit/537.36 (KHTML, like Gecko) SafeLinks",
        "Trend Micro WTP/1.0",
        "Mozilla/5.0 (compatible; NetcraftSurveyAgent/1.0; +info@netcraft.com)",
    ],
    "preview": [
        "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
        "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
        "WhatsApp/2.23.20.0",
        "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5 skype-url-preview@microsoft.com",
        "TelegramBot (like TwitterBot)",
        "LinkedInBot/1.0 (compatible; Mozilla/5.0; Jakarta Commons-HttpClient/3.1 +http://www.linkedin.com)",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/534+ (KHTML, like Gecko) BingPreview/1.0b",
    ],
    "http_library": [
        "curl/8.5.0",
        "Wget/1.21.4",
        "python-requests/2.32.3",
        "Python-urllib/3.12",
        "Go-http-client/2.0",
        "Java/17.0.9",
        "Apache-HttpClient/4.5.14 (Java/17.0.9)",
        "axios/1.7.7",
        "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.22621.2506",
        "GuzzleHttp/7",
    ],
    "automated_browser": [
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/131.0.0.0 Safari/537.36",
        "Mozilla/5.0 (Unknown; Linux x86_64) AppleWebKit/538.1 (KHTML, like Gecko) PhantomJS/2.1.1 Safari/538.1",
    ],
    "bot": [
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
        "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
        "Mozilla/5.0 (compatible; Yahoo! Slurp; http://help.yahoo.com/help/us/ysearch/slurp)",
        "Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)",
        "W3C_Validator/1.3 http://validator.w3.org/services",
        "LinkChecker/10.2",
    ],
}
PROXIES = {
    "gmail_proxy": "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    "yahoo_proxy": "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
}
GMAIL_PREFETCH = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/42.0.2311.135 Safari/537.36 "
    "Edge/12.246 Mozilla/5.0"
)


@pytest.mark.parametrize("agent", PEOPLE)
@pytest.mark.parametrize("hit", [pixel, link])
def test_mail_programs_and_browsers_are_people(agent, hit):
    assert judge(hit(agent)).code == "person"


@pytest.mark.parametrize("agent", PHONE_MAIL_PROGRAMS)
def test_libraries_of_phones_open_for_people_and_click_for_machines(agent):
    assert judge(pixel(agent)).verdict == Verdict.HUMAN
    assert judge(link(agent)).code == "http_library"


@pytest.mark.parametrize(("code", "agent"), [(code, agent) for code, agents in MACHINES.items() for agent in agents])
@pytest.mark.parametrize("hit", [pixel, link])
def test_known_machines_are_told_by_their_user_agent(code, agent, hit):
    assert judge(hit(agent)).code == code
    assert judge(hit(agent)).verdict == Verdict.MACHINE


@pytest.mark.parametrize(("code", "agent"), PROXIES.items())
def test_an_open_through_an_image_proxy_is_a_real_one(code, agent):
    assert judge(pixel(agent)).code == code
    assert judge(pixel(agent)).verdict == Verdict.PROXIED


def test_apple_mail_privacy_protection_opens_are_machines():
    assert judge(pixel("Mozilla/5.0")).code == "apple_mpp"


def test_a_click_with_the_bare_agent_is_no_browser():
    assert judge(link("Mozilla/5.0")).code == "bare_user_agent"


def test_gmail_loading_images_in_advance_is_a_machine():
    assert judge(pixel(GMAIL_PREFETCH)).code == "gmail_prefetch"


@pytest.mark.parametrize("hit", [pixel, link])
@pytest.mark.parametrize("agent", ["", "   "])
def test_without_a_user_agent_it_is_a_machine(hit, agent):
    assert judge(hit(agent)).code == "no_user_agent"


@pytest.mark.parametrize("hit", [pixel, link])
def test_head_and_prefetch_are_machines_whatever_the_agent(hit):
    assert judge(hit(PEOPLE[0], HEAD)).code == "head"
    assert judge(hit(PEOPLE[0], PREFETCH)).code == "prefetch"
    assert judge(hit(PROXIES["gmail_proxy"], HEAD)).code == "head"


def test_a_honeypot_is_a_machine_before_anything_else():
    assert judge(link(PEOPLE[0], HEAD), is_honeypot=True).code == "honeypot"


def test_every_reason_has_a_code_that_fits_and_a_sentence():
    for code, reason in REASONS.items():
        assert re.fullmatch(r"[a-z_]{2,40}", code)
        assert reason.sentence.endswith(".")
    used = {value for value in vars(verdicts).values() if isinstance(value, verdicts.Reason)}
    assert used == set(REASONS.values())


def test_every_reason_is_documented():
    page = (Path(settings.BASE_DIR) / "docs" / "reference" / "verdicts.md").read_text()
    assert [code for code in REASONS if f"`{code}`" not in page] == []

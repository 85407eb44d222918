"""Human or machine, judged by the request alone: a table of rules, each with a code and a sentence.

What only several hits together show (bursts, the honeypot's company) is judged in `bursts`.
Sources of the signatures: docs/reference/verdicts.md.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from tracking.hits import HEAD, PREFETCH, Hit
from tracking.models import Verdict


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an event has its class: a stable code, the class, and a sentence for people."""

    code: str
    verdict: Verdict
    sentence: str


PERSON = Reason("person", Verdict.HUMAN, "A mail program or browser that a person uses.")
UNSUBSCRIBED_ON_PAGE = Reason("page", Verdict.HUMAN, "Somebody pressed the button on the unsubscribe page.")
UNSUBSCRIBED_ONE_CLICK = Reason("one_click", Verdict.HUMAN, "The mail program's own unsubscribe button (RFC 8058).")
GMAIL_PROXY = Reason("gmail_proxy", Verdict.PROXIED, "Gmail's image proxy, which loads images when the mail is opened.")
YAHOO_PROXY = Reason("yahoo_proxy", Verdict.PROXIED, "Yahoo's image proxy, which loads images when the mail is opened.")
HONEYPOT = Reason("honeypot", Verdict.MACHINE, "A link that people can't see was followed.")
HEAD_REQUEST = Reason("head", Verdict.MACHINE, "A HEAD request, which link checkers send and browsers don't.")
PREFETCHED = Reason("prefetch", Verdict.MACHINE, "The request says that it was made in advance, before anyone looked.")
APPLE_MPP = Reason("apple_mpp", Verdict.MACHINE, "Apple Mail Privacy Protection, which loads images unopened.")
GMAIL_PREFETCH = Reason("gmail_prefetch", Verdict.MACHINE, "Gmail loaded the images before the mail was opened.")
NO_USER_AGENT = Reason("no_user_agent", Verdict.MACHINE, "No user agent: no mail program or browser leaves it out.")
BARE_USER_AGENT = Reason("bare_user_agent", Verdict.MACHINE, "A user agent that names no program.")
SCANNER = Reason("scanner", Verdict.MACHINE, "A known security gateway or link scanner.")
PREVIEW = Reason("preview", Verdict.MACHINE, "A chat or search service that fetched a preview.")
HTTP_LIBRARY = Reason("http_library", Verdict.MACHINE, "A programming library, not a browser.")
AUTOMATED_BROWSER = Reason("automated_browser", Verdict.MACHINE, "A browser without a screen, driven by a program.")
BOT = Reason("bot", Verdict.MACHINE, "A program that calls itself a bot, crawler, monitor or checker.")
BURST = Reason("burst", Verdict.MACHINE, "All or at least three links of the message were followed within two seconds.")
HONEYPOT_BURST = Reason(
    "honeypot_burst", Verdict.MACHINE, "Within ten seconds of a hit on a link that people can't see."
)

REASONS: dict[str, Reason] = {
    reason.code: reason
    for reason in (
        PERSON, UNSUBSCRIBED_ON_PAGE, UNSUBSCRIBED_ONE_CLICK, GMAIL_PROXY, YAHOO_PROXY, HONEYPOT, HEAD_REQUEST, PREFETCHED,
        APPLE_MPP, GMAIL_PREFETCH, NO_USER_AGENT, BARE_USER_AGENT, SCANNER, PREVIEW, HTTP_LIBRARY, AUTOMATED_BROWSER, BOT,
        BURST, HONEYPOT_BURST,
    )
}  # fmt: skip


def _pattern(*alternatives: str) -> Callable[[str], bool]:
    found = re.compile("|".join(alternatives), re.IGNORECASE).search
    return lambda agent: found(agent) is not None


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table: the reason that holds when `matches` does; `opens` and `clicks` say where it applies."""

    reason: Reason
    matches: Callable[[str], bool]
    opens: bool = True
    clicks: bool = True


_GMAIL_PREFETCH_AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0"
)

# The first line that matches decides.
BY_USER_AGENT: tuple[Rule, ...] = (
    Rule(NO_USER_AGENT, lambda agent: not agent.strip()),
    Rule(GMAIL_PROXY, _pattern(r"\(via ggpht\.com GoogleImageProxy\)"), clicks=False),
    Rule(YAHOO_PROXY, _pattern(r"YahooMailProxy"), clicks=False),
    Rule(GMAIL_PREFETCH, lambda agent: agent == _GMAIL_PREFETCH_AGENT, clicks=False),
    Rule(APPLE_MPP, lambda agent: agent == "Mozilla/5.0", clicks=False),
    Rule(BARE_USER_AGENT, _pattern(r"^\s*(Mozilla/[45]\.0|-|null|undefined|user-?agent)\s*$")),
    Rule(
        SCANNER,
        _pattern(
            r"barracuda", r"proofpoint", r"mimecast", r"fireeye", r"trend ?micro", r"symantec", r"messagelabs", r"\bsophos",
            r"ironport", r"cisco.?(talos|esa|email)", r"forcepoint", r"websense", r"zscaler", r"bitdefender", r"kaspersky",
            r"forti(mail|guard|sandbox)", r"\bmcafee", r"trellix", r"palo ?alto", r"wildfire", r"netcraft", r"virustotal",
            r"urlscan", r"phishtank", r"checkphish", r"safe ?browsing", r"safelinks?", r"hornet ?security", r"retarus",
            r"avanan", r"vade ?(secure|retro)", r"mailscanner", r"spamassassin", r"rspamd", r"clamav", r"cloudmark",
            r"trustwave", r"mailmarshal", r"microsoft-urlanalyzer", r"microsoft office (protocol|existence) discovery",
            r"ms-?office existence", r"area1", r"ironscales", r"abnormal ?security", r"link ?protect", r"google-safety",
        ),
    ),
    Rule(
        PREVIEW,
        _pattern(
            r"facebookexternalhit", r"facebookcatalog", r"meta-externalagent", r"twitterbot", r"linkedinbot", r"slackbot",
            r"slack-imgproxy", r"discordbot", r"telegrambot", r"whatsapp/", r"skypeuripreview", r"bingpreview",
            r"google web preview", r"pinterestbot", r"redditbot", r"embedly", r"iframely", r"vkshare", r"viber",
            r"google-pagerenderer", r"microsoftpreview", r"\bsnapchat\b.*bot", r"teams.*preview",
        ),
    ),
    Rule(
        AUTOMATED_BROWSER,
        _pattern(r"headlesschrome", r"phantomjs", r"puppeteer", r"playwright", r"selenium", r"\bcypress/"),
    ),
    Rule(
        HTTP_LIBRARY,
        _pattern(
            r"^curl/", r"^wget/", r"python-requests", r"python-urllib", r"python-httpx", r"\baiohttp/", r"^go-http-client",
            r"^java/", r"^apache-httpclient", r"^libwww-perl", r"^lwp::", r"^ruby\b", r"^faraday", r"guzzlehttp", r"^php/",
            r"^axios/", r"^node-fetch", r"^undici", r"^node(\.js)?$", r"^got[ /(]", r"^postmanruntime", r"^insomnia/",
            r"^winhttp", r"^wininet", r"^microsoft-cryptoapi", r"^powershell", r"windowspowershell", r"^http_request",
            r"^http-client", r"^dart/", r"^reqwest", r"^hackney/", r"^scrapy/", r"^httpie/",
        ),
    ),
    # Mail programs for phones load images with these, people's clicks open a browser.
    Rule(HTTP_LIBRARY, _pattern(r"^okhttp/", r"^dalvik/", r"\bcfnetwork/"), opens=False),
    Rule(
        BOT,
        _pattern(
            r"(?<!cu)bot\b", r"(?<!cu)bot[/;_-]", r"crawl", r"spider", r"\bslurp\b", r"\bscan(ner)?\b", r"link.?check", r"\bchecker\b",
            r"monitor(ing)?\b", r"pingdom", r"uptime", r"site24x7", r"statuscake", r"\bfetch(er)?\b", r"validator",
            r"lighthouse", r"pagespeed", r"archive\.org", r"appengine-google", r"feedfetcher", r"google-read-aloud",
            r"googleother", r"google-inspectiontool", r"mediapartners-google", r"bytespider", r"ahrefs", r"semrush",
            r"scrap(er|y)", r"xenu", r"screaming frog", r"nutch", r"heritrix", r"\bprobe\b",
        ),
    ),
)  # fmt: skip


@lru_cache(maxsize=16_384)
def _by_user_agent(agent: str, is_click: bool) -> Reason:
    for rule in BY_USER_AGENT:
        if (rule.clicks if is_click else rule.opens) and rule.matches(agent):
            return rule.reason
    return PERSON


def judge(hit: Hit, *, is_honeypot: bool = False) -> Reason:
    """Return why the hit, looked at alone, is a person's, a proxy's or a machine's."""
    if is_honeypot:
        return HONEYPOT
    if hit.flags & HEAD:
        return HEAD_REQUEST
    if hit.flags & PREFETCH:
        return PREFETCHED
    return _by_user_agent(hit.user_agent, hit.is_click)

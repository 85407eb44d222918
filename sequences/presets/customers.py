"""Presets for people who know you: those who went quiet, who come to an event, who bought something."""

from sequences.presets.letters import email

SITE = "https://example.com"

RE_ENGAGEMENT = [
    email(
        "miss",
        "Still the right address, {{ firstName | default: 'friend' }}?",
        "It has been a while since you opened one of our mails. Inboxes are full, so I’d rather ask than guess: do you still want to "
        "hear from us?",
        "One click, and everything stays as it is. If you do nothing, we write less.",
        preheader="One click keeps you on the list.",
        button=("Yes, keep me on the list", f"{SITE}/stay"),
    ),
    {"key": "answered", "kind": "branch", "on": "engagement", "step": "miss", "window": "P5D", "clicks": True, "replies": True,
     "lanes": {
        "yes": [
            email(
                "back",
                "Good to have you back",
                "Thank you, that is good to know. Since you were away, these three things happened; the first one is the one that "
                "everybody talks about.",
                preheader="What you missed, in three lines.",
                button=("See what is new", f"{SITE}/new"),
            ),
            {"key": "stays", "kind": "exit"},
        ],
        "no": [],
        "undelivered": [{"key": "gone", "kind": "exit"}],
    }},
    email(
        "best-of",
        "The best of the last half-year, on one page",
        "Maybe you simply had no time. So here is everything worth knowing from six months, on one page: a read of four minutes.",
        "If nothing in it is for you, nothing in the future will be, and you should feel free to leave.",
        preheader="Six months, four minutes.",
        button=("Read the one page", f"{SITE}/best-of"),
    ),
    {"key": "came-back", "kind": "branch", "on": "engagement", "step": "best-of", "window": "P7D", "clicks": True, "replies": True,
     "lanes": {
        "yes": [{"key": "stays-too", "kind": "exit"}],
        "no": [
            email(
                "farewell",
                "We’ll stop writing to you",
                "This is our last mail. We only want to write to people who want to read us, so we take you off the list. No hard "
                "feelings.",
                "If that is a mistake, one click brings you back.",
                preheader="Unless you’d rather stay.",
                button=("Wait, keep me", f"{SITE}/stay"),
            ),
        ],
        "undelivered": [],
    }},
]  # fmt: skip

COUNTDOWN = [
    email(
        "seat",
        "Your seat is reserved",
        "You’re in! Here is what you need to know: when it begins, how to get in, and what to bring. Put it into your calendar now, and "
        "you won’t have to think of it again until we remind you.",
        preheader="When, where, and what to bring.",
        button=("Add it to my calendar", f"{SITE}/calendar"),
    ),
    {"key": "two-weeks", "kind": "wait", "until": {"field": "eventDate", "offset_days": -14, "time": "09:00"}},
    email(
        "programme",
        "Two weeks to go: the programme",
        "In two weeks we’ll see each other. The programme is complete, and there are three sessions that I’d choose myself.",
        "Do you have a question that should be answered there? Reply to this mail, and I’ll pass it on to the speakers.",
        preheader="Three sessions that I’d choose myself.",
        button=("See the programme", f"{SITE}/programme"),
    ),
    {"key": "three-days", "kind": "wait", "until": {"field": "eventDate", "offset_days": -3, "time": "09:00"}},
    email(
        "practical",
        "In three days: everything practical",
        "Three days to go. The way there, the times, and whom to call if something goes wrong: it is all on one page, which also works "
        "without a connection.",
        "Can’t make it after all? Tell us, and somebody on the waiting list will be glad.",
        preheader="The way there, the times, whom to call.",
        button=("Open the one page", f"{SITE}/practical"),
    ),
    {"key": "the-day", "kind": "wait", "until": {"field": "eventDate", "time": "07:30"}},
    email(
        "today",
        "It is today",
        "Today it is. Doors open half an hour before; those who come early get the good coffee. See you soon!",
        preheader="Doors open half an hour before.",
        button=("How to get in", f"{SITE}/practical"),
    ),
    {"key": "day-after", "kind": "wait", "until": {"field": "eventDate", "offset_days": 1, "time": "10:00"}},
    email(
        "thanks",
        "Thank you for coming",
        "Thank you for being there. The recordings and slides are online, also for those who couldn’t come after all.",
        "Two questions, one minute: what was best, and what should we change? Your answer decides how the next one looks.",
        preheader="Recordings, slides, and two questions.",
        button=("Recordings and slides", f"{SITE}/recordings"),
    ),
]  # fmt: skip

PURCHASE = [
    email(
        "thanks",
        "Thank you for your order",
        "Thank you! Your order is on its way. Here is what happens next, and how to reach a person if anything isn’t as it should be: "
        "just reply to this mail.",
        preheader="What happens next, and how to reach us.",
        button=("See my order", f"{SITE}/orders"),
    ),
    {"key": "five-days", "kind": "wait", "wait": "P5D"},
    email(
        "tips",
        "Getting the most out of it",
        "By now you’ve had a few days with it. Three tips from people who use it every day:",
        "<strong>First</strong>, give it ten minutes to set it up properly; it pays off.<br><strong>Second</strong>, the thing that "
        "most people overlook is the best part.<br><strong>Third</strong>, care for it once a month, and it lasts for years.",
        preheader="Three tips from people who use it every day.",
        button=("Show me how", f"{SITE}/tips"),
    ),
    {"key": "ten-days", "kind": "wait", "wait": "P10D"},
    email(
        "how",
        "How is it going?",
        "Two weeks in, I’d like to know: are you happy with it? One click is enough, and an honest “no” helps us most.",
        preheader="One click is enough.",
        button=("Rate my purchase", f"{SITE}/review"),
    ),
    {"key": "again", "kind": "wait_for", "event": "order_placed", "timeout": "P30D", "lanes": {
        "happened": [{"key": "regular", "kind": "exit"}],
        "timeout": [
            email(
                "next",
                "What goes well with it",
                "People who bought what you bought often take these next. We picked three that fit, and sending them costs you nothing "
                "this week.",
                preheader="Three things that fit.",
                button=("Have a look", f"{SITE}/goes-with"),
            ),
        ],
    }},
]  # fmt: skip

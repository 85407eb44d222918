"""Welcome, and the onboarding of a trial."""

from sequences.presets.letters import email

SITE = "https://example.com"

WELCOME = [
    email(
        "hello",
        "Welcome, {{ firstName | default: 'friend' }}",
        "Thank you for signing up. From now on you’ll hear from us about every two weeks: what we learned, what we made, and now "
        "and then an offer that only our readers get.",
        "If you read one thing today, let it be this: the piece that most people tell us they wish they had found earlier.",
        "And a question, if you like: what made you sign up? Just reply. A person reads it.",
        preheader="What to expect from us, and the one thing to read first.",
        button=("Read it now", f"{SITE}/start"),
    ),
    {"key": "two-days", "kind": "wait", "wait": "P2D"},
    email(
        "best",
        "The three things people love most",
        "You don’t have to read everything. These three are where most people begin:",
        f'<strong>1.</strong> <a href="{SITE}/guide">The guide</a>: ten minutes, and you know how it all fits together.<br>'
        f'<strong>2.</strong> <a href="{SITE}/examples">Examples</a>: how others did it, with everything you need to copy them.<br>'
        f'<strong>3.</strong> <a href="{SITE}/questions">Questions and answers</a>: what everybody asks in the first week.',
        "Which one is for you? Start there, and save the rest for a rainy day.",
        preheader="Ten minutes each, and worth it.",
    ),
    {"key": "read", "kind": "branch", "on": "engagement", "step": "best", "window": "P4D", "clicks": True, "replies": True,
     "lanes": {
        "yes": [
            email(
                "next",
                "Since you liked that",
                "You had a look at our best pieces, so here is the next step: the short course that brings it all together, one mail a "
                "day for five days. It costs nothing, and you can stop whenever you want.",
                preheader="The next step, if you want one.",
                button=("Start the course", f"{SITE}/course"),
            ),
        ],
        "no": [
            email(
                "ask",
                "What are you looking for?",
                "I noticed that none of my suggestions was the right one yet. Fair enough!",
                "Tell me in one line what you hope to find here, and I’ll send you the page that answers it. No form, just reply to this "
                "mail.",
                preheader="One line is enough, and I’ll point you there.",
            ),
        ],
        "undelivered": [],
    }},
]  # fmt: skip

TRIAL = [
    {"key": "bought", "kind": "goal", "event": "subscribed"},
    email(
        "start",
        "Your trial has begun: start here",
        "Good to have you. Your trial runs for fourteen days, and everything is open to you.",
        "The quickest way to see whether we are right for you is to do one real thing today. It takes about five minutes, and "
        "you’ll have something to show at the end.",
        preheader="One real thing, five minutes.",
        button=("Do the first step", f"{SITE}/first-step"),
    ),
    {"key": "activated", "kind": "wait_for", "event": "activated", "timeout": "P2D", "lanes": {
        "happened": [
            {"key": "a-day", "kind": "wait", "wait": "P1D"},
            email(
                "further",
                "Nicely done. What comes next",
                "You’ve done the first step, which puts you ahead of most. Two things make the difference from here on:",
                f'<strong>Bring your team.</strong> It is worth twice as much with two people in it. <a href="{SITE}/invite">Invite '
                f'somebody</a>.<br><strong>Connect what you use.</strong> Ten minutes now save you an hour a week. <a '
                f'href="{SITE}/connect">See what can be connected</a>.',
                preheader="Two things that make the difference.",
            ),
        ],
        "timeout": [
            email(
                "stuck",
                "Stuck? I can help",
                "You signed up two days ago and haven’t done the first step. Usually that means one of two things: you had no time, or "
                "something was in the way.",
                "If it was time: the first step waits where you left it. If something was in the way: reply and tell me what. I answer "
                "within a working day, and I’ll do it together with you if you want.",
                preheader="Two days in: shall we do it together?",
                button=("Pick it up again", f"{SITE}/first-step"),
            ),
        ],
    }},
    {"key": "four-days", "kind": "wait", "wait": "P4D"},
    email(
        "story",
        "How a team of four saved a day a week",
        "A short story instead of a list of features. A team of four came to us with spreadsheets, reminders on paper, and a Friday "
        "that nobody liked. Six weeks later the Friday was free.",
        "What they changed first, what they would skip, and what it cost them: it is all in here, a five-minute read.",
        preheader="Spreadsheets, paper reminders, and what came after.",
        button=("Read their story", f"{SITE}/story"),
    ),
    {"key": "five-days", "kind": "wait", "wait": "P5D"},
    email(
        "three-left",
        "Three days left in your trial",
        "Your trial ends in three days. What you’ve made stays: choose a plan and go on, or export it all and leave. Both take two "
        "minutes.",
        "Not sure which plan? Reply with the number of people and what you need most, and I’ll tell you the cheapest that does it.",
        preheader="What happens then, and how to choose.",
        button=("Choose a plan", f"{SITE}/plans"),
    ),
    {"key": "three-days", "kind": "wait", "wait": "P3D"},
    email(
        "last-day",
        "Your trial ends today",
        "Today is the last day. If we were useful, here is the plan that most teams of your size take. If we weren’t, I’d be grateful "
        "for one sentence on what was missing: just reply. It is read, and it changes things.",
        preheader="Go on, or tell us what was missing.",
        button=("Go on with a plan", f"{SITE}/plans"),
    ),
]  # fmt: skip

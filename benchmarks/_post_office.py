"""The peer django-post-office: queues mail rendered from a template and sends it with its own command, in its own database.

python -m benchmarks._post_office COUNT PROCESSES
"""

import json
import os
import sys
import time

import django
import psycopg


def main(count: int, processes: int) -> None:
    """Print the rate as one JSON object; the time is that of sending alone, not of queueing."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS post_office")
        connection.execute("CREATE DATABASE post_office")
    django.setup()
    from django.core.management import call_command
    from post_office import mail
    from post_office.models import Email, EmailTemplate

    from benchmarks._mail import SOURCE, SUBJECT, attributes

    call_command("migrate", verbosity=0)
    html = SOURCE.replace('| default: "there" ', "")
    template = EmailTemplate.objects.create(
        name="newsletter", subject=SUBJECT, content="Hello {{ firstName }}", html_content=html
    )
    mail.send_many(
        [
            {
                "sender": "news@sender.example",
                "recipients": [f"person{number}@example.com"],
                "template": template,
                "context": {"firstName": f"Given{number}", "company": "Company", **attributes(number)},
                "render_on_delivery": True,
            }
            for number in range(count)
        ]
    )
    began = time.perf_counter()
    call_command("send_queued_mail", processes=processes, verbosity=0)
    seconds = time.perf_counter() - began
    assert Email.objects.filter(status=0).count() == count
    print(json.dumps({"rate": count / seconds}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

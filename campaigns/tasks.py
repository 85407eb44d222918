from celery import shared_task


@shared_task(ignore_result=True)
def run_launch(campaign_id: int) -> None:
    """Enrol the recipients of a launched campaign."""
    from campaigns import services

    services.run_launch(campaign_id)


@shared_task(ignore_result=True)
def run_check(check_id: int) -> None:
    """Run a pre-flight check, or go on with it."""
    from campaigns import services

    services.run_check(check_id)


@shared_task(ignore_result=True)
def launch_due_campaigns() -> None:
    """Start the scheduled campaigns whose time has come."""
    from campaigns import services

    services.launch_due_campaigns()


@shared_task(ignore_result=True)
def complete_finished_campaigns() -> None:
    """Complete the campaigns that are through."""
    from campaigns import services

    services.complete_finished_campaigns()


@shared_task(ignore_result=True)
def admit_due() -> None:
    """Let those in whom triggers have called."""
    from campaigns import services

    services.admit_due()


@shared_task(ignore_result=True)
def look_at_triggers() -> None:
    """Ask the segments and dates of triggers who has come."""
    from campaigns import services

    services.look_at_triggers()


@shared_task(ignore_result=True)
def resume_stalled() -> None:
    """Send the work of dead workers to others."""
    from campaigns import services

    services.resume_stalled()


@shared_task(ignore_result=True)
def renew_due_groups() -> None:
    """Draw others for the held-out groups whose months are over."""
    from campaigns import services

    services.renew_due_groups()

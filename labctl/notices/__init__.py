"""Who is told what, and when: notices by webhook, ntfy, e-mail and whatever else apprise knows."""

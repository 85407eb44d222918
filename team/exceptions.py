from core.exceptions import DomainError


class TeamError(DomainError):
    """A rule about members, invitations or tokens said no."""

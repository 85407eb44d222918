from rest_framework import pagination


class CursorPagination(pagination.CursorPagination):
    """Pages of 50 (`?limit=` up to 500), newest first; a page stays right while rows are added."""

    ordering = "-id"
    page_size_query_param = "limit"
    max_page_size = 500

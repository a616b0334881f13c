"""The peers' tasks that do nothing."""

try:
    from django.tasks import task
except ImportError:  # rq's environment has no Django

    def task(function):
        """Leaves the function as it is."""
        return function


@task
def nothing():
    """Returns at once."""

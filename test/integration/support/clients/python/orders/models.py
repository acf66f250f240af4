"""What the matrix writes, as Django sees it. It is made by the owner, not by Django."""

from django.db import models


class Entry(models.Model):
    id = models.TextField(primary_key=True)

    class Meta:
        managed = False
        db_table = "matrix"

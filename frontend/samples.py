"""Made-up content for the style guide."""

from dataclasses import dataclass

from django import forms

from frontend.forms import CodeEditor, DateTimeLocal, Switch


@dataclass(frozen=True, slots=True)
class SampleCampaign:
    """A row of the sample table."""

    name: str
    subject: str
    status: str
    sent: int
    opened: int
    opened_total: int
    clicked: int


CAMPAIGNS = [
    SampleCampaign("Autumn sale", "Twenty percent off, until Sunday", "completed", 12_480, 5_885, 7_010, 1_184),
    SampleCampaign("Product survey", "Two questions", "draft", 0, 0, 0, 0),
    SampleCampaign("Trial day 3 nudge", "Stuck? We can help", "running", 2_240, 1_008, 1_160, 201),
    SampleCampaign("Webinar follow-up", "The recording and slides", "scheduled", 0, 0, 0, 0),
    SampleCampaign("Win-back Q4", "We kept your data safe", "paused", 980, 235, 301, 33),
    SampleCampaign("Year in review", "What you did with us in 2026", "cancelled", 120, 60, 66, 9),
]
STATES = ["running", "scheduled", "paused", "failed", "draft", "review", "completed", "deferred", "unknown"]
PEOPLE = ["Ada Lovelace", "grace@example.com", "Åsa Öberg", "José María Núñez", "李小龙"]
STEPS = [("welcome", "Welcome email"), ("wait", "Wait 2 days"), ("nudge", "A nudge"), ("exit", "Exit")]
SENT = [
    420,
    450,
    520,
    500,
    505,
    540,
    440,
    420,
    400,
    290,
    320,
    290,
    295,
    350,
    445,
    495,
    490,
    530,
    505,
    535,
    470,
    370,
    385,
    290,
]
MERGE_FIELDS = [
    {"label": "firstName", "detail": "Ada"},
    {"label": "company", "detail": "Analytical Engines"},
    {"label": "unsubscribeUrl", "detail": "required"},
]
PROBLEMS = [{"line": 5, "column": 25, "message": "Unknown filter “upcse”. Did you mean “upcase”?", "severity": "error"}]
SOURCE = """<mjml>
  <mj-body>
    <mj-section>
      <mj-column>
        <mj-text>Hello {{ firstName | upcse }}</mj-text>
        {% if company %}
          <mj-button href="https://example.com/{{ company }}">Read on</mj-button>
        {% endif %}
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>
"""


class SampleForm(forms.Form):
    """One field of each kind."""

    name = forms.CharField(max_length=100, help_text="Only your team sees it.")
    sender = forms.EmailField(label="Sender address")
    preheader = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    goal = forms.ChoiceField(choices=[("sale", "A sale"), ("reply", "A reply")])
    send_at = forms.DateTimeField(label="Send at", required=False, widget=DateTimeLocal)
    kind = forms.ChoiceField(
        label="Who gets it",
        choices=[("all", "Everyone"), ("engaged", "Engaged people only")],
        widget=forms.RadioSelect,
        initial="all",
    )
    topics = forms.MultipleChoiceField(
        choices=[("news", "News"), ("offers", "Offers")], widget=forms.CheckboxSelectMultiple, required=False
    )
    track = forms.BooleanField(label="Track opens and clicks", required=False, initial=True, widget=Switch)
    agreed = forms.BooleanField(label="I have permission to write to these people")
    file = forms.FileField(label="CSV file", required=False, help_text="Up to 200 MB.")


class EditorForm(forms.Form):
    """The source editor."""

    source = forms.CharField(
        initial=SOURCE,
        widget=CodeEditor(
            mode="mjml", completions="merge-fields", lint="lint-errors", attrs={"data-editor-class": "code-editor-sm"}
        ),
    )

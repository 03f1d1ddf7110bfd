"""What employees can be able to do. A step whose capability an employee lacks is never carried out by it."""

from empla.employees.employees import EmployeeRole

KNOWN: dict[str, str] = {
    "email": "write and read e-mail",
    "calendar": "arrange meetings and look at calendars",
    "phone": "make calls",
    "chat": "write in the company's chat",
    "social": "write on social networks",
    "research": "look up companies, people and markets",
    "web": "read web pages",
    "crm": "look up and note deals, contacts and accounts in the CRM",
    "documents": "read and write documents",
    "analytics": "read dashboards and usage figures",
    "surveys": "send surveys and read their answers",
    "support": "read and answer support requests",
    "tickets": "read and write tickets of the engineers",
    "contracts": "prepare quotes and contracts",
    "invoices": "look up and remind of invoices",
    "ats": "look up and note candidates in the applicant tracking system",
    "job_boards": "publish positions",
}
"""Every capability that the platform knows, with what it means: "an employee can …"."""

OF_ROLE: dict[EmployeeRole, tuple[str, ...]] = {
    "sales_ae": ("email", "calendar", "research", "crm"),
    "sdr": ("email", "calendar", "research", "crm"),
    "csm": ("email", "calendar", "analytics", "support"),
    "pm": ("email", "calendar", "research", "documents", "tickets", "analytics"),
    "recruiter": ("email", "calendar", "ats"),
    "custom": (),
}
"""What an employee of the role can do when whoever hires it does not say."""

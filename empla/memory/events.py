"""The events that the playbooks of the shelf wait for, by the kinds that percepts have. A tenant's own sources may bring any others."""

EVENTS: dict[str, str] = {
    # The CRM's export (senses/crm.py).
    "deal_engaged": "a deal was opened: account, product, opportunity, list_price, engaged_on",
    "deal_won": "a deal was won: as above, and closed_on, close_value",
    "deal_lost": "a deal was lost: as above, without a value",
    "discovery_call_scheduled": "a first call is in the calendar: account, deal_size, lead_source",
    "qualification_stage": "a deal is to be qualified: account, deal_size, lead_source",
    # Mail, chat and telephone.
    "urgent_request": "somebody asks for something that can't wait: contact, account, request, severity",
    "pricing_question": "somebody asks for a price: contact, account, question, discount (percent)",
    "inbound_lead": "somebody has asked for us: contact, account, request",
    "lead_replied": "a lead has answered: contact, account, reply",
    "customer_praised": "a customer is content, and has said so: account",
    "feedback_received": "a customer names what is missing: account, topic, words",
    # Conversations (senses/conversations.py).
    "message_received": "one of the company's own wrote to the employee: conversation, message, words, person, author",
    "visitor_wrote": "somebody from outside wrote to the employee: as above",
    # Calendars.
    "meetings_overlap": "two meetings at one time: first, first_with, first_importance, second, second_with, second_importance",
    "meeting_booked": "a meeting is booked: contact, account, account_executive",
    "meeting_no_show": "nobody came to a meeting: contact, account",
    # Customers.
    "customer_signed": "a customer has signed: account",
    "ticket_opened": "a customer opened a ticket: account",
    "renewal_due": "a contract ends in ninety days: account, renewal_on",
    # Prospecting, products, people.
    "target_accounts_chosen": "somebody has chosen accounts to write to",
    "critical_bug_reported": "a critical bug is reported: title",
    "release_shipped": "a release is out: release",
    "backlog_review_due": "it is time to go through the backlog",
    "application_received": "somebody applies: candidate, position",
    "interview_requested": "a candidate is to be interviewed: candidate, position",
    "interview_held": "an interview is over: candidate, position",
    "candidate_chosen": "the team has decided for a candidate: candidate, position",
}
"""What each kind of event says, and what its content holds; follow-ups come on top, with the content of what they follow."""

"""Segments: the rule language, who is in which segment, and how that stays exact.

rules        a rule as a tree of frozen nodes; every node says in its docstring what it means
parse        JSON -> rule, with messages that name the node
vocabulary   what a rule may name in an account: events, properties, attributes, segments
sentence     a rule as one English sentence
evaluate     one person: (member, next check, evidence), pure
compile      many people: the same rule as one SQL statement
references   segments that name segments: circles, depth, what uses one
preview      how many people a rule holds for, before it is saved
offer        what the rule builder of the panel offers
templates    rules to start from
"""

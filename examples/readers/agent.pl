#!/usr/bin/perl
# An agent in another language. It reads files that somebody else keeps up to date, and nothing else:
#     repoint export --env production --follow /srv/agents
# Then: perl agent.pl /srv/agents refund. A question is a line that it is given.
use strict;
use warnings;
use Cwd qw(realpath);
use JSON::PP qw(decode_json);

my ($folder, $agent) = @ARGV;
$| = 1;
while (my $question = <STDIN>) {
    my $live = live();
    print "$agent $live->{version}, $live->{model}{name}: $live->{system} | $question";
}

# What is live now. The link is resolved once, so that all that is read belongs to one record.
sub live {
    my $record = realpath("$folder/current") or die "nothing is exported to $folder yet\n";
    my $live = decode_json(contents("$record/$agent/repoint.json"));
    ($live->{system}) = split /\n/, contents("$record/$agent/$live->{prompts}{system}");
    return $live;
}

sub contents {
    my ($path) = @_;
    open my $file, '<:raw', $path or die "$path: $!\n";
    local $/;
    return <$file>;
}
